'use strict';
// A strict S3 for tests: it verifies every signature with AWS's own signer, keeps objects in memory and answers as S3 does,
// in what larder uses. Stricter than most compatible services on purpose: whatever a service may check is checked here.
//
//   node s3_server.js '{"packages": "DIR/node_modules", "keyId": "...", "secret": "...", ...}'
//
// Prints `port N` once it listens on 127.0.0.1, and ends when its standard input does. Settings, besides the keys: region,
// token (a session token that must come), buckets (names), publicBucket (its GETs need no signature), minPart (bytes),
// page (most keys of a listing's page), conditions ("honoured", "ignored", "refused"), dialect ("aws", "google"), cert and
// key (files: https instead of http), clockOffset (seconds by which this server's clock is ahead).

const http = require('http');
const https = require('https');
const fs = require('fs');
const crypto = require('crypto');
const {createRequire} = require('module');

const settings = Object.assign(
    {region: 'us-east-1', token: '', buckets: ['models'], publicBucket: '', minPart: 5 << 20, page: 1000, conditions: 'honoured', dialect: 'aws', clockOffset: 0},
    JSON.parse(process.argv[2]));
const google = settings.dialect === 'google';
const prefix = google ? 'x-goog-' : 'x-amz-';
const packages = createRequire(settings.packages + '/');
const {SignatureV4} = packages('@smithy/signature-v4');
const {Sha256} = packages('@aws-crypto/sha256-js');

const buckets = new Map(settings.buckets.concat(settings.publicBucket || []).map((name) => [name, new Map()]));
const uploads = new Map();  // id -> {bucket, key, meta, parts: Map(number -> {body, etag})}

class Refusal extends Error {
  constructor(status, code, extra = '', headers = {}) {
    super(code);
    Object.assign(this, {status, code, extra, headers});
  }
}

const md5 = (data) => crypto.createHash('md5').update(data).digest('hex');
const sha256 = (data) => crypto.createHash('sha256').update(data).digest('hex');
const hmac = (key, text) => crypto.createHmac('sha256', key).update(text, 'utf8').digest();
const strict = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase());
const xml = (text) => text.replace(/[&<>"]/g, (c) => ({'&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;'})[c]);
const document = (root, inside) => `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${inside}</${root}>`;

function parse(url) {
  const mark = url.indexOf('?');
  const rawPath = mark < 0 ? url : url.slice(0, mark);
  const query = {};
  for (const item of mark < 0 ? [] : url.slice(mark + 1).split('&').filter(Boolean)) {
    const equals = item.indexOf('=');
    query[decodeURIComponent(equals < 0 ? item : item.slice(0, equals))] = equals < 0 ? '' : decodeURIComponent(item.slice(equals + 1));
  }
  return {path: decodeURIComponent(rawPath), query};
}

// Google's scheme is AWS's in other words; AWS's signer does not speak them, so this is computed here.
function googleSignature(request, secret, moment, region, names) {
  const [day] = moment.split('T');
  const query = Object.entries(request.query).map(([k, v]) => strict(k) + '=' + strict(v)).sort().join('&');
  const canonical = [request.method, request.path, query, ...names.map((n) => `${n}:${request.headers[n].trim().replace(/\s+/g, ' ')}`), '', names.join(';'), request.headers['x-goog-content-sha256']].join('\n');
  const text = ['GOOG4-HMAC-SHA256', moment, `${day}/${region}/storage/goog4_request`, sha256(canonical)].join('\n');
  const key = [day, region, 'storage', 'goog4_request'].reduce(hmac, 'GOOG4' + secret);
  return hmac(key, text).toString('hex');
}

async function verify(request, body, encrypted) {
  const {headers} = request;
  const form = /^(AWS4|GOOG4)-HMAC-SHA256 Credential=([^/,]+)\/(\d{8})\/([^/]+)\/(s3|storage)\/(aws4|goog4)_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$/.exec(headers.authorization || '');
  if (!headers.authorization) throw new Refusal(403, 'AccessDenied');
  if (!form || (form[1] === 'GOOG4') !== google || (form[5] === 'storage') !== google || (form[6] === 'goog4') !== google) throw new Refusal(400, 'AuthorizationHeaderMalformed');
  const [, , id, day, region, , , signed, signature] = form;
  if (id !== settings.keyId) throw new Refusal(403, 'InvalidAccessKeyId', `<AWSAccessKeyId>${xml(id)}</AWSAccessKeyId>`);
  if (region !== settings.region) throw new Refusal(400, 'AuthorizationHeaderMalformed', `<Region>${settings.region}</Region>`, {'x-amz-bucket-region': settings.region});
  const other = google ? 'x-amz-' : 'x-goog-';
  if (Object.keys(headers).some((name) => name.startsWith(other))) throw new Refusal(400, 'ExcessHeaderValues');
  const names = signed.split(';');
  if (names.join() !== [...new Set(names)].sort().join()) throw new Refusal(400, 'AuthorizationHeaderMalformed');
  for (const name of Object.keys(headers))
    if ((name === 'host' || name === 'content-type' || name === 'range' || name.startsWith('if-') || name.startsWith(prefix)) && !names.includes(name))
      throw new Refusal(403, 'AccessDenied', `<HeadersNotSigned>${xml(name)}</HeadersNotSigned>`);
  for (const name of names)
    if (headers[name] === undefined) throw new Refusal(403, 'SignatureDoesNotMatch');
  const moment = headers[prefix + 'date'] || '';
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(moment);
  if (!parts || !moment.startsWith(day)) throw new Refusal(403, 'AccessDenied');
  const date = new Date(Date.UTC(+parts[1], +parts[2] - 1, +parts[3], +parts[4], +parts[5], +parts[6]));
  if (Math.abs(date.getTime() - Date.now() - settings.clockOffset * 1000) > 15 * 60 * 1000) throw new Refusal(403, 'RequestTimeTooSkewed');
  if ((headers[prefix + 'security-token'] || '') !== settings.token) throw new Refusal(400, 'InvalidToken');
  const hash = headers[prefix + 'content-sha256'];
  if (!hash) throw new Refusal(400, 'MissingSecurityHeader');
  if (hash === 'UNSIGNED-PAYLOAD' ? !encrypted : hash !== sha256(body)) throw new Refusal(400, 'XAmzContentSHA256Mismatch');

  const canonical = {method: request.method, protocol: 'http:', hostname: headers.host, path: request.path.split('/').map(strict).join('/'), query: request.query, headers: Object.fromEntries(names.map((n) => [n, headers[n]]))};
  let expected;
  if (google) {
    expected = googleSignature(canonical, settings.secret, moment, region, names);
  } else {
    const credentials = {accessKeyId: id, secretAccessKey: settings.secret, ...(settings.token ? {sessionToken: settings.token} : {})};
    const signer = new SignatureV4({credentials, region, service: 's3', sha256: Sha256, uriEscapePath: false, applyChecksum: false});
    const again = await signer.sign(canonical, {signingDate: date});
    expected = /Signature=([0-9a-f]+)/.exec(again.headers.authorization)[1];
  }
  // The service repeats what it was told, token and all: a client must not.
  if (signature !== expected) throw new Refusal(403, 'SignatureDoesNotMatch', `<Message>${xml(JSON.stringify(headers))}</Message><SignatureProvided>${signature}</SignatureProvided>`);
}

function locate(request) {
  const host = (request.headers.host || '').split(':')[0];
  const path = request.path.slice(1);
  for (const name of buckets.keys())
    if (host.startsWith(name + '.')) return {bucket: name, key: path};
  const slash = path.indexOf('/');
  return slash < 0 ? {bucket: path, key: ''} : {bucket: path.slice(0, slash), key: path.slice(slash + 1)};
}

const metaOf = (headers) => Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith(prefix + 'meta-')));

// Whether the write must not happen because there is an object.
function checkCondition(headers, objects, key, inParts) {
  const asked = google ? headers['x-goog-if-generation-match'] : headers['if-none-match'];
  if (asked === undefined || settings.conditions === 'ignored' || (google && inParts)) return;
  if (settings.conditions === 'refused') throw new Refusal(501, 'NotImplemented');
  if (asked !== (google ? '0' : '*')) throw new Refusal(400, 'InvalidArgument');
  if (objects.has(key)) throw new Refusal(412, 'PreconditionFailed');
}

function read(request, objects, key) {
  const found = objects.get(key);
  if (!found) throw new Refusal(404, 'NoSuchKey', `<Key>${xml(key)}</Key>`);
  if (request.headers['if-match'] && request.headers['if-match'] !== found.etag) throw new Refusal(412, 'PreconditionFailed');
  const headers = {ETag: found.etag, 'Content-Type': 'application/octet-stream', 'Accept-Ranges': 'bytes', ...found.meta};
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range || '');
  if (!range) return {status: 200, headers, body: found.body};
  const size = BigInt(found.body.length);
  const first = BigInt(range[1]);
  if (first >= size) throw new Refusal(416, 'InvalidRange', '', {'Content-Range': `bytes */${size}`});
  const last = range[2] === '' || BigInt(range[2]) >= size ? size - 1n : BigInt(range[2]);
  headers['Content-Range'] = `bytes ${first}-${last}/${size}`;
  return {status: 206, headers, body: found.body.subarray(Number(first), Number(last) + 1)};
}

function list(query, bucket, objects) {
  const wanted = query.prefix || '';
  const start = query['continuation-token'] ? Buffer.from(query['continuation-token'], 'base64').toString() : '';
  const keys = [...objects.keys()].filter((key) => key.startsWith(wanted) && key > start).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const most = Math.min(Number(query['max-keys'] || settings.page), settings.page);
  const shown = keys.slice(0, most);
  const more = keys.length > shown.length;
  const name = query['encoding-type'] === 'url' ? (key) => strict(key).replace(/%2F/g, '/').replace(/%20/g, '+') : xml;
  const contents = shown.map((key) => {
    const object = objects.get(key);
    return `<Contents><Key>${name(key)}</Key><Size>${object.body.length}</Size><ETag>${xml(object.etag)}</ETag><StorageClass>STANDARD</StorageClass></Contents>`;
  });
  const next = more ? `<NextContinuationToken>${Buffer.from(shown[shown.length - 1]).toString('base64')}</NextContinuationToken>` : '';
  const encoding = query['encoding-type'] ? `<EncodingType>${xml(query['encoding-type'])}</EncodingType>` : '';
  return {status: 200, body: document('ListBucketResult', `<Name>${bucket}</Name><Prefix>${name(wanted)}</Prefix>${encoding}<KeyCount>${shown.length}</KeyCount><IsTruncated>${more}</IsTruncated>${next}${contents.join('')}`)};
}

function complete(request, body, objects, key, id) {
  const upload = uploads.get(id);
  if (!upload || upload.key !== key) throw new Refusal(404, 'NoSuchUpload');
  const named = [...body.toString().matchAll(/<Part><PartNumber>(\d+)<\/PartNumber><ETag>([^<]*)<\/ETag><\/Part>/g)].map((m) => [Number(m[1]), m[2].replace(/&quot;/g, '"')]);
  if (named.length === 0) throw new Refusal(400, 'MalformedXML');
  const bodies = named.map(([number, etag], i) => {
    if (i > 0 && number <= named[i - 1][0]) throw new Refusal(400, 'InvalidPartOrder');
    const part = upload.parts.get(number);
    if (!part || part.etag !== etag) throw new Refusal(400, 'InvalidPart');
    if (i + 1 < named.length && part.body.length < settings.minPart) throw new Refusal(400, 'EntityTooSmall');
    return part.body;
  });
  checkCondition(request.headers, objects, key, true);
  const etag = `"${md5(Buffer.concat(named.map(([number]) => Buffer.from(md5(upload.parts.get(number).body), 'hex'))))}-${named.length}"`;
  objects.set(key, {body: Buffer.concat(bodies), etag, meta: upload.meta});
  uploads.delete(id);
  return {status: 200, body: document('CompleteMultipartUploadResult', `<Key>${xml(key)}</Key><ETag>${xml(etag)}</ETag>`)};
}

function answer(request, body) {
  const {bucket, key} = locate(request);
  const {method, query, headers} = request;
  const objects = buckets.get(bucket);
  if (!objects) throw new Refusal(404, 'NoSuchBucket');
  if ((method === 'PUT' || method === 'POST') && headers['content-length'] === undefined) throw new Refusal(411, 'MissingContentLength');
  if (key === '') {
    if (method === 'HEAD') return {status: 200};
    if (method === 'GET' && query['list-type'] === '2') return list(query, bucket, objects);
    throw new Refusal(405, 'MethodNotAllowed');
  }
  if (method === 'GET' || method === 'HEAD') return read(request, objects, key);
  if (method === 'POST' && query.uploads !== undefined) {
    const id = crypto.randomBytes(24).toString('base64') + '/+ .~';  // the worst that an id may look like
    uploads.set(id, {bucket, key, meta: metaOf(headers), parts: new Map()});
    return {status: 200, body: document('InitiateMultipartUploadResult', `<Bucket>${bucket}</Bucket><Key>${xml(key)}</Key><UploadId>${xml(id)}</UploadId>`)};
  }
  if (method === 'POST' && query.uploadId !== undefined) return complete(request, body, objects, key, query.uploadId);
  if (method === 'PUT' && query.uploadId !== undefined) {
    const upload = uploads.get(query.uploadId);
    const number = Number(query.partNumber);
    if (!upload || upload.key !== key) throw new Refusal(404, 'NoSuchUpload');
    if (!(number >= 1 && number <= 10000)) throw new Refusal(400, 'InvalidArgument');
    const etag = `"${md5(body)}"`;
    upload.parts.set(number, {body, etag});
    return {status: 200, headers: {ETag: etag}};
  }
  if (method === 'PUT') {
    checkCondition(headers, objects, key, false);
    const etag = `"${md5(body)}"`;
    objects.set(key, {body, etag, meta: metaOf(headers)});
    return {status: 200, headers: {ETag: etag}};
  }
  if (method === 'DELETE' && query.uploadId !== undefined) {
    if (!uploads.delete(query.uploadId)) throw new Refusal(404, 'NoSuchUpload');
    return {status: 204};
  }
  if (method === 'DELETE') {
    objects.delete(key);
    return {status: 204};
  }
  throw new Refusal(405, 'MethodNotAllowed');
}

async function serve(incoming, outgoing) {
  const chunks = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const {method, headers} = incoming;
  let result;
  try {
    if (incoming.url === '/-/uploads') {  // for the tests: how many uploads are neither completed nor given up
      result = {status: 200, body: String(uploads.size)};
    } else {
      const request = {method, headers, ...parse(incoming.url)};
      const open = settings.publicBucket && locate(request).bucket === settings.publicBucket && (method === 'GET' || method === 'HEAD') && !headers.authorization;
      if (!open) await verify(request, body, incoming.socket.encrypted === true);
      result = answer(request, body);  // without a pause: what it looks at cannot change before it writes
    }
  } catch (refused) {
    if (!(refused instanceof Refusal)) refused = new Refusal(500, 'InternalError', `<Message>${xml(String(refused.stack))}</Message>`);
    result = {status: refused.status, headers: refused.headers, body: `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${refused.code}</Code>${refused.extra}</Error>`};
  }
  const payload = Buffer.isBuffer(result.body) ? result.body : Buffer.from(result.body || '');
  const head = {'x-amz-request-id': crypto.randomBytes(8).toString('hex').toUpperCase(), ...result.headers};
  if (result.status !== 204) head['Content-Length'] = payload.length;
  outgoing.writeHead(result.status, head);
  outgoing.end(method === 'HEAD' || result.status === 204 ? undefined : payload);
}

const server = settings.cert ? https.createServer({cert: fs.readFileSync(settings.cert), key: fs.readFileSync(settings.key)}, serve) : http.createServer(serve);
server.keepAliveTimeout = 60000;
server.listen(0, '127.0.0.1', () => console.log('port ' + server.address().port));
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
