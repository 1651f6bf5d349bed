// The peer as its README has it used: one HTTP server, each webhook given to processWebhook.
// Arguments: the database's URL, the webhook secret. Says where it listens by one line of JSON.
// CommonJS: the package finds its migrations only so.
const http = require('node:http')
const { StripeSync, runMigrations } = require('@supabase/stripe-sync-engine')

const [databaseUrl, stripeWebhookSecret] = process.argv.slice(2)
const sync = new StripeSync({
  poolConfig: { connectionString: databaseUrl, max: 10, keepAlive: true },
  stripeSecretKey: 'sk_test_never_used',
  stripeWebhookSecret,
  // Nothing is fetched: the payload alone is stored, which is the least that it does.
  backfillRelatedEntities: false,
  autoExpandLists: false,
})

const server = http.createServer(async (request, response) => {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  let status = 200
  try {
    await sync.processWebhook(Buffer.concat(chunks), request.headers['stripe-signature'])
  } catch (error) {
    status = 400
    console.error(error)
  }
  const body = '{"received":true}'
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': body.length })
  response.end(body)
})

runMigrations({ databaseUrl, schema: 'stripe' }).then(() =>
  server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port }))),
)
