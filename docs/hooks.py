"""What the site changes about pages: docstrings refer to objects by Sphinx roles."""

from __future__ import annotations

import re
from typing import Any

ROLE = re.compile(r":(?:func|class|meth|mod|data|attr|exc): ?(<code>|<a )")


def on_page_content(html: str, **_: Any) -> str:
    """Leave out the names of roles, such as ``:func:``."""
    return ROLE.sub(r"\1", html).replace("<code>~qsched", "<code>qsched")
