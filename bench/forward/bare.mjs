// What node's http costs with nothing behind it: reads nothing of a request,
// answers what the host answers. Prints its address.
import { createServer } from 'node:http';

const headers = [
  'Content-Length',
  '6',
  'Content-Type',
  'text/plain; charset=utf-8',
  'Remote-User',
  'my-service-account',
  'Remote-Groups',
  'myapp,service',
  'Remote-Name',
  'My Service Account',
  'Remote-Email',
  'my-service-account@example.com',
];

const server = createServer({ keepAliveTimeout: 100_000 }, (_request, response) => {
  response.writeHead(200, headers);
  response.end('200 OK');
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${server.address().port}\n`);
});
