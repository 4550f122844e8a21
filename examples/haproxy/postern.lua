-- Postern for HAProxy 2.6 and newer, by HAProxy's own HTTP client.
--
--     global
--         lua-load-per-thread /etc/haproxy/postern.lua
--     frontend …
--         http-request set-header X-Forwarded-For %[src]
--         http-request set-header X-Forwarded-Proto https
--         http-request lua.postern http://127.0.0.1:9091/api/authz/forward-auth
--         http-request deny deny_status 503 unless { var(txn.postern) -m str allowed }
--
-- The last line closes what an error in here would leave open.

-- What Postern answers about the client, and nobody else says to an application.
local IDENTITY = { 'remote-user', 'remote-groups', 'remote-name', 'remote-email' }

-- A wrong password is answered late on purpose, and a busy host later.
local TIMEOUT_MS = 30000

-- HAProxy's client writes more lines than `tune.http.maxhdr` (default 101) past the end of its memory,
-- and HAProxy is gone. Browsers send some twenty, and seven are ours.
local MAX_LINES = 80

-- Headers of the connection or of the body, which the question does not have (RFC 9110 section 7.6.1).
local NOT_ASKED = {
  ['host'] = true,
  ['connection'] = true,
  ['content-length'] = true,
  ['content-encoding'] = true,
  ['content-type'] = true,
  ['transfer-encoding'] = true,
  ['trailer'] = true,
  ['te'] = true,
  ['expect'] = true,
  ['upgrade'] = true,
  ['http2-settings'] = true,
  ['keep-alive'] = true,
  ['proxy-connection'] = true,
  ['accept-encoding'] = true,
  ['forwarded'] = true,
}

-- What a client is told of a refusal.
local PASSED_BACK = {
  'www-authenticate', 'proxy-authenticate', 'location', 'set-cookie',
  'content-type', 'cache-control', 'retry-after',
}

local is_identity = {}
for _, name in ipairs(IDENTITY) do is_identity[name] = true end

-- Remote_User, remote.user and REMOTE-USER are one name to many applications; to a few, Remote~User is, too.
local function spelled_alike(name)
  return (name:lower():gsub('[^a-z0-9]', '-'))
end

local function is_ours(name)
  local alike = spelled_alike(name)
  return is_identity[alike] or alike:sub(1, 8) == 'postern-'
end

-- A control character in a value could end the header, or the request.
local function is_plain(value)
  return value:find('[%z\1-\8\10-\31\127]') == nil
end

-- HAProxy's lists begin at 0.
local function values_of(list)
  local values = {}
  local i = 0
  while list ~= nil and list[i] ~= nil do
    values[#values + 1] = list[i]
    i = i + 1
  end
  return values
end

local function refuse(txn, status, headers, body)
  local reply = txn:reply({ status = status })
  for _, name in ipairs(PASSED_BACK) do
    for _, value in ipairs(values_of(headers and headers[name])) do
      if is_plain(value) then reply:add_header(name, value) end
    end
  end
  -- The answer to HEAD has no body.
  if body ~= nil and body ~= '' and txn.f:method() ~= 'HEAD' then reply:set_body(body) end
  txn:done(reply)
end

core.register_action('postern', { 'http-req' }, function(txn, address)
  local received = txn.http:req_get_headers()
  local method, host, uri = txn.f:method(), values_of(received['host']), txn.f:pathq()
  if #host ~= 1 or method == 'CONNECT' or uri == nil or uri:sub(1, 1) ~= '/' or not is_plain(uri) then
    return refuse(txn, 400)
  end

  local asked = {}
  local lines = 0
  for name, list in pairs(received) do
    local alike = spelled_alike(name)
    if is_ours(name) then
      txn.http:req_del_header(name)
    elseif not NOT_ASKED[alike] and not alike:find('^x%-forwarded%-') and not alike:find('^x%-original%-') then
      local values = values_of(list)
      for _, value in ipairs(values) do
        if not is_plain(value) then return refuse(txn, 400) end
      end
      lines = lines + #values
      asked[name] = values
    end
  end
  if lines > MAX_LINES then return refuse(txn, 431) end
  -- HAProxy's client says `*/*`, and who it is, where these are missing: refusals would not suit who asks.
  for _, name in ipairs({ 'accept', 'user-agent' }) do
    if asked[name] == nil then asked[name] = { '' } end
  end
  -- As HAProxy sees the request, not as the client tells it.
  asked['x-forwarded-method'] = { method }
  asked['x-forwarded-host'] = host
  asked['x-forwarded-uri'] = { uri }
  asked['x-forwarded-for'] = values_of(received['x-forwarded-for'])
  asked['x-forwarded-proto'] = values_of(received['x-forwarded-proto'])

  local answer = core.httpclient():get({ url = address, headers = asked, timeout = TIMEOUT_MS })
  if answer == nil or answer.status ~= 200 then
    local status = answer and answer.status or 0
    -- Everything that is neither leave to pass nor a refusal is a fault, and closed.
    if status < 300 or status > 431 then return refuse(txn, 503) end
    return refuse(txn, status, answer.headers, answer.body)
  end

  for _, name in ipairs(IDENTITY) do
    local values = values_of(answer.headers[name])
    -- Without all of them it was not Postern that answered.
    if #values ~= 1 or not is_plain(values[1]) then return refuse(txn, 503) end
    txn.http:req_set_header(name, values[1])
  end
  -- The client's without our sessions, which are none of an application's business.
  txn.http:req_del_header('cookie')
  for _, value in ipairs(values_of(answer.headers['cookie'])) do
    if is_plain(value) then txn.http:req_add_header('cookie', value) end
  end
  -- What was judged, and no more: `https://a@b/x` would go on as it came, and names two hosts.
  txn.http:req_set_uri(uri)
  local cookies = values_of(answer.headers['set-cookie'])
  if #cookies == 1 and is_plain(cookies[1]) then txn:set_var('txn.postern_cookie', cookies[1]) end
  txn:set_var('txn.postern', 'allowed')
end, 1)
