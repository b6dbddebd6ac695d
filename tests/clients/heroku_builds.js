// Builds an archive with the builds plugin of Heroku's CLI: MODULES APP ARCHIVE VERSION.
// HEROKU_HOST and HEROKU_API_KEY lead to the API.
'use strict'

const [modules, app, archive, version] = process.argv.slice(2)
const create = require(modules + '/heroku-builds/commands/builds/create.js')
const context = { app, args: {}, flags: { 'source-tar': archive, version } }

create.run(context).catch((error) => {
  console.error(error)
  process.exit(1)
})
