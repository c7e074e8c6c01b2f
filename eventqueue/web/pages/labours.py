"""Works that go on in threads of this process: stopped from whatever page shows them."""

from eventqueue.web.acting.act import Done
from eventqueue.web.asked import Asked

PAGES = ("/projections", "/audit", "/jobs", "/dead")  # where works are shown; an address from elsewhere is none


def stop(asked: Asked) -> Done:
    """Have a work stop."""
    then = asked.form.get("then", "")
    found = asked.labours.stop(asked.path["kind"])
    sentence = "Nothing of that goes on" if found is None else f"{found.what} is told to stop"
    return Done(sentence, then if then in PAGES else "/")
