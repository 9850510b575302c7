"""The API document as one plain HTML page: no scripts, nothing fetched from elsewhere."""

import json
from typing import Any

from jinja2 import Environment

_PAGE = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ info.title }} API</title>
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 0 auto; padding: 1rem; }
h2 { font-size: 1.1rem; margin: 2.5rem 0 .25rem; overflow-wrap: anywhere; }
code, pre { font-family: ui-monospace, monospace; font-size: .9em; }
pre { overflow-x: auto; padding: .75rem; border: 1px solid #8886; border-radius: .5rem; }
dt { font-weight: 600; } dd { margin: 0 0 .5rem 1rem; }
</style>
</head>
<body>
<main>
<h1>{{ info.title }} API {{ info.version }}</h1>
<p>{{ info.description }} For machines: <a href="/openapi.json">openapi.json</a>.</p>
{% for path, methods in paths.items() %}
{% for method, operation in methods.items() %}
<h2><code>{{ method | upper }} {{ path }}</code></h2>
<p>{{ operation.summary }}</p>
{% if operation.parameters %}
<dl>
{% for parameter in operation.parameters %}
<dt><code>{{ parameter.name }}</code></dt><dd>{{ parameter.description }}</dd>
{% endfor %}
</dl>
{% endif %}
{% for status, answer in operation.responses.items() if answer.headers %}
<dl>
{% for name, header in answer.headers.items() %}
<dt><code>{{ name }}</code> (a header of the answer)</dt><dd>{{ header.description }}</dd>
{% endfor %}
</dl>
{% endfor %}
{% for name, example in examples(operation) %}
<p>Example, {{ name }}:</p>
<pre><code>curl http://127.0.0.1:8080{{ path }} -d '{{ example }}'</code></pre>
{% endfor %}
{% endfor %}
{% endfor %}
</main>
</body>
</html>
""")


def render(document: dict[str, Any]) -> str:
    """The page for an OpenAPI document."""
    return _PAGE.render(**document, examples=_examples)


def _examples(operation: dict[str, Any]) -> list[tuple[str, str]]:
    content = operation.get("requestBody", {}).get("content", {})
    given = content.get("application/json", {}).get("examples", {})
    return [(name, json.dumps(example["value"], indent=2)) for name, example in given.items()]
