//! Dumps in tar and directory format, made here and damaged in every way.
