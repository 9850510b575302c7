"""What the templates' writer left on disk, and what is written into secrets."""

import json
from pathlib import Path
from typing import Any


def template_of(assembly: Path, stack: str) -> Any:
    """The template in a folder of `synth`."""
    return json.loads((assembly / f"{stack}.template.json").read_text("utf-8"))


def filled(key_id: str, secret: str) -> str:
    """What the secret of an access key holds."""
    return json.dumps({"accessKeyId": key_id, "secretAccessKey": secret})
