"""`python -m pawsonalize_deploy`."""

from pawsonalize_deploy.command import main

main()
