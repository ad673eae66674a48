"""The server's addresses and bodies as an OpenAPI document: `python -m concord.annotation.openapi`."""

import json
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from concord.annotation.routes import entry, guideline, material, oversight, people, runs, work
from concord.annotation.told import Problem

FILE = Path(__file__).with_name("openapi.json")
PREFIX = "/api/v1"
TITLE = "Concord"
ROUTERS = (
    entry.router,
    work.router,
    guideline.router,
    oversight.router,
    people.router,
    material.router,
    runs.router,
)
PROBLEMS: dict[int | str, dict[str, Any]] = {"default": {"model": Problem, "description": "It was not done."}}


def include(app: FastAPI) -> None:
    """Give an application all addresses."""
    for router in ROUTERS:
        app.include_router(router, prefix=PREFIX, responses=PROBLEMS)


def document() -> str:
    """The document as it lies beside this file."""
    app = FastAPI(
        title=TITLE,
        version="1",
        generate_unique_id_function=lambda route: route.name,
        separate_input_output_schemas=False,
    )
    include(app)
    found = app.openapi()
    for methods in found["paths"].values():  # faults have a shape of their own, told by `default`
        for operation in methods.values():
            operation["responses"].pop("422", None)
    for name in ("HTTPValidationError", "ValidationError"):
        found["components"]["schemas"].pop(name, None)
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(document(), encoding="utf-8")
