"""What schemathesis does otherwise than it would: it waits for no job that nobody works on."""

import schemathesis

SHORT = 0.05


@schemathesis.hook
def before_call(context, case, kwargs):
    body = case.body
    if case.operation.label != "POST /api/v1/functions/{function}/jobs" or not isinstance(body, dict):
        return
    waits = not any(body.get(key) for key in ("background", "delay", "at"))
    timeout = body.get("timeout", 30)
    if waits and isinstance(timeout, (int, float)) and not isinstance(timeout, bool) and SHORT < timeout <= 3600:
        body["timeout"] = SHORT
