"""The steps that Redis takes as one. What they are for: see the package.

A quota's mark is a hash: `run` of the server; `epoch`, the time of the last loss; `first` and `opened`, the first and
last of the windows opened one after the other; `until`, how long what was granted before the loss may still be
sent (0: the loss is over); `heard` and `heard_in`, the last header since then and its window; `probe`, until when one
worker alone asks.
"""

# Of another run of the server, the newest writes may be missing. Where INFO is forbidden that stays unnoticed.
_RUN = """
local function this_run()
  local told = redis.pcall('INFO', 'server')
  return type(told) == 'string' and string.match(told, 'run_id:(%w+)') or 'unknown'
end
"""

# KEYS: for each quota its mark, then a counter for each of its windows.
# ARGV: {wanted, span, quotas: [an `Ask` and whether to `forget` what was counted]}, all times in milliseconds.
# Returns the units granted, whether they are a probe, whether a count is lost, and each quota's epoch.
TAKE = (
    _RUN
    + """
local MARK_LIVES, PROBE_LIVES = 86400000, 10000
local ask, run = cjson.decode(ARGV[1]), this_run()
local granted, n, probing, unsure = ask.wanted, 0, false, false

local function next_key()
  n = n + 1
  return KEYS[n]
end

local function read(quota)
  quota.mark, quota.keys = next_key(), {}
  for i in ipairs(quota.starts) do quota.keys[i] = next_key() end
  local m = redis.call('HMGET', quota.mark, 'run', 'epoch', 'first', 'opened', 'until', 'heard', 'heard_in', 'probe')
  quota.run, quota.epoch = m[1], m[2]
  quota.first, quota.opened = tonumber(m[3]) or quota.starts[1], tonumber(m[4]) or 0
  quota.til, quota.heard, quota.heard_in = tonumber(m[5]) or 0, tonumber(m[6]) or -1, tonumber(m[7]) or 0
  quota.probe = tonumber(m[8]) or 0
end

local function is_lost(quota)
  if quota.forget or quota.run ~= run or tonumber(quota.epoch) < quota.uncounted then return true end
  for i, start in ipairs(quota.starts) do
    local was_opened = start >= quota.first and start <= quota.opened
    if was_opened and redis.call('EXISTS', quota.keys[i]) == 0 then return true end
  end
  return false
end

local function lose(quota)
  quota.epoch, quota.til, quota.heard, quota.probe = tostring(quota.at), quota.at + ask.span, -1, 0
  for i, start in ipairs(quota.starts) do
    if start < quota.til and tonumber(redis.call('GET', quota.keys[i]) or '0') < quota.assumed then
      redis.call('DEL', quota.keys[i])
    end
  end
end

local function open(quota)
  if quota.starts[1] > quota.opened + quota.length then quota.first = quota.starts[1] end
  quota.first = math.min(quota.first, quota.starts[1])
  for i, start in ipairs(quota.starts) do
    quota.opened = math.max(quota.opened, start)
    if start + quota.length > quota.at then quota.now = quota.now or start end
    local count = start < quota.til and quota.assumed or 0
    redis.call('SET', quota.keys[i], count, 'NX', 'PX', start - quota.at + 3 * quota.length + ask.span)
  end
  if quota.now >= quota.til then quota.til = 0 end
  unsure = unsure or quota.til > 0
end

local function room(quota)
  local waits = quota.tells and quota.til > 0 and (quota.heard < 0 or quota.at >= quota.til)
  local units = ask.wanted
  for i, start in ipairs(quota.starts) do
    local count = tonumber(redis.call('GET', quota.keys[i]))
    if start >= quota.til then
      units = math.min(units, math.floor((quota.limit - quota.keep - count) / quota.cost))
    elseif not waits then
      units = math.min(units, math.floor((quota.limit - count) / quota.cost))
    end
  end
  if not waits then return units end
  local known = quota.heard_in == quota.now and quota.heard or 0
  if quota.at < quota.probe or known + quota.cost > quota.limit then return 0 end
  quota.probes, probing = true, true
  return math.min(units, 1)
end

for _, quota in ipairs(ask.quotas) do
  read(quota)
  if is_lost(quota) then lose(quota) end
  open(quota)
  granted = math.min(granted, room(quota))
end
granted = math.max(granted, 0)
local answer = {granted, probing and 1 or 0, unsure and 1 or 0}
for i, quota in ipairs(ask.quotas) do
  if granted > 0 then
    for j, key in ipairs(quota.keys) do redis.call('INCRBY', key, granted * quota.cost) end
    if quota.probes then quota.probe = quota.at + PROBE_LIVES end
  end
  redis.call('HSET', quota.mark, 'run', run, 'epoch', quota.epoch, 'first', quota.first, 'opened', quota.opened,
    'until', quota.til, 'heard', quota.heard, 'heard_in', quota.heard_in, 'probe', quota.probe)
  redis.call('PEXPIRE', quota.mark, MARK_LIVES)
  answer[i + 3] = quota.epoch
end
return answer
"""
)

# KEYS: the quota's mark, then the counters. ARGV: epoch, weight, 1 if it was a probe's.
# What was charged before a loss is not in the counters of after it.
RELEASE = (
    _RUN
    + """
local m = redis.call('HMGET', KEYS[1], 'run', 'epoch')
if m[1] ~= this_run() or m[2] ~= ARGV[1] then return end
for i = 2, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 1 then redis.call('DECRBY', KEYS[i], ARGV[2]) end
end
if ARGV[3] == '1' then redis.call('HSET', KEYS[1], 'probe', 0) end
"""
)

# Nothing was under way at the loss, and nothing had been spent. What others spent the next header tells.
# KEYS: mark, counters. ARGV: epoch, the time, 1 where headers tell, what is assumed, the windows' starts.
VOUCH = (
    _RUN
    + """
local at, tells = tonumber(ARGV[2]), ARGV[3] == '1'
local m = redis.call('HMGET', KEYS[1], 'run', 'epoch', 'until')
local til = tonumber(m[3]) or 0
if m[1] ~= this_run() or m[2] ~= ARGV[1] or til <= at then return end
for i = 2, #KEYS do
  local start = tonumber(ARGV[i + 3])
  if start < til and (start >= at or not tells) and redis.call('EXISTS', KEYS[i]) == 1 then
    redis.call('DECRBY', KEYS[i], ARGV[4])
  end
end
redis.call('HSET', KEYS[1], 'until', tells and at or 0)
"""
)

# Raises a counter to what the exchange itself has counted; never lowers it, for requests may be on their way. But a
# counter that is only assumed is set, once nothing from before the loss is under way.
# KEYS: mark, counter. ARGV: the window's start, when it was asked, the weight, the span.
CORRECT = (
    _RUN
    + """
local start, sent, weight = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local m = redis.call('HMGET', KEYS[1], 'run', 'until')
if m[1] ~= this_run() or redis.call('EXISTS', KEYS[2]) == 0 then return end
local til = tonumber(m[2])
if til > 0 and sent >= til and start < til then
  redis.call('SET', KEYS[2], weight, 'KEEPTTL')
  redis.call('HSET', KEYS[1], 'until', 0)
  return
end
if til > 0 and sent >= til - tonumber(ARGV[4]) then
  redis.call('HSET', KEYS[1], 'heard', weight, 'heard_in', start, 'probe', 0)
end
if weight > tonumber(redis.call('GET', KEYS[2])) then redis.call('SET', KEYS[2], weight, 'KEEPTTL') end
"""
)

# KEYS: counter. ARGV: weight.
CHARGE = "if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('INCRBY', KEYS[1], ARGV[1]) end"

# KEYS: mark and counter of each. ARGV: the start of each window. Returns the counts, nil where one is not known.
SPENT = (
    _RUN
    + """
local run, answer = this_run(), {}
for i = 1, #KEYS / 2 do
  local start = tonumber(ARGV[i])
  local m = redis.call('HMGET', KEYS[2*i - 1], 'run', 'opened', 'until')
  local count = redis.call('GET', KEYS[2*i])
  if m[1] ~= run or start < tonumber(m[3]) then count = false
  elseif not count and start > tonumber(m[2]) then count = '0' end
  answer[i] = count
end
return answer
"""
)
