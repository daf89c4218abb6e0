"""What schemathesis does otherwise than it would: it waits for no job that nobody works on."""

import schemathesis

SHORT = 0.05


@schemathesis.hook
def before_call(context, case, kwargs):
    body = case.body
    if case.operation.label != "POST /api/v1/functions/{function}/jobs" or not isinstance(body, dict):
        return
    waits = body.get("background") is not True and body.get("delay") is None and body.get("at") is None
    timeout = body.get("timeout")
    if waits and (timeout is None or type(timeout) in (int, float) and SHORT < timeout <= 3600):
        body["timeout"] = SHORT
