"""Holds docs/asyncapi.yaml against the specification: the official JSON schema, and that every reference leads somewhere.

Whether it says what the code does is the business of services/shared/events/tests/asyncapi.rs.
"""

import json
import sys
from pathlib import Path

import jsonschema
import yaml

ROOT = Path(__file__).resolve().parent.parent


def references(part):
    """Every `$ref` below."""
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def resolves(document, reference: str) -> bool:
    part = document
    for name in reference.removeprefix("#/").split("/"):
        if not isinstance(part, dict) or name not in part:
            return False
        part = part[name]
    return reference.startswith("#/")


def faults(document, schema):
    for error in jsonschema.Draft7Validator(schema).iter_errors(document):
        deepest = jsonschema.exceptions.best_match([error])
        yield f"{deepest.json_path}: {deepest.message[:300]}"
    for reference in references(document):
        if not resolves(document, reference):
            yield f"{reference} leads nowhere"


def main() -> None:
    document = yaml.safe_load((ROOT / "docs/asyncapi.yaml").read_text())
    schema = json.loads((ROOT / "dev/asyncapi/3.0.0.json").read_text())
    found = list(faults(document, schema))
    if found:
        sys.exit("docs/asyncapi.yaml:\n  " + "\n  ".join(found))


if __name__ == "__main__":
    main()
