"""`make contract`: is the OpenAPI document right, do clients made from it work, is it kept to?"""

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.contract.document import check_specification, lint_document
from tests.contract.fuzz import fuzz
from tests.contract.generated import publish_with_python, publish_with_typescript
from tests.contract.running import running
from tests.contract.tools import ToolError, has_node

STEPS = (check_specification, lint_document, publish_with_python, publish_with_typescript, fuzz)
NEED_NODE = (lint_document, publish_with_typescript)


def main() -> int:
    """Run every step, whatever the others found; return the exit code."""
    steps = STEPS if has_node() else tuple(step for step in STEPS if step not in NEED_NODE)
    if len(steps) < len(STEPS):
        if os.environ.get("CI"):
            print("contract: node is missing, and CI needs it")
            return 1
        print("contract: node is missing: the linter and the TypeScript client are skipped")
    failed = []
    with TemporaryDirectory(prefix="imo360-contract-") as folder, running(Path(folder)) as api:
        for step in steps:
            print(f"--- {step.__name__}", flush=True)
            try:
                step(api)
            except (AssertionError, ToolError) as problem:
                print(f"contract: {step.__name__}: {problem}", flush=True)
                failed.append(step.__name__)
    print(f"contract: {len(steps) - len(failed)} of {len(steps)} steps passed", *failed)
    return 1 if failed else 0


sys.exit(main())
