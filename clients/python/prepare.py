"""Writes the document as `openapi-python-client` can take it.

To it a stream of events is text, and a zip file or an answer that may be of several kinds is bytes.

python prepare.py DOCUMENT PREPARED
"""

import json
import sys
from pathlib import Path

document = json.loads(Path(sys.argv[1]).read_text())
for path in document["paths"].values():
    for operation in path.values():
        for response in operation["responses"].values():
            content = response.get("content", {})
            if "text/event-stream" in content:
                content["text/event-stream"]["schema"] = {"type": "string"}
            elif len(content) > 1 or "application/zip" in content:
                response["content"] = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
Path(sys.argv[2]).write_text(json.dumps(document))
