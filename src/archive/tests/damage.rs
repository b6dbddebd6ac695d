//! Archives that are cut short, damaged, hostile, or something else altogether.
