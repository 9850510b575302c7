"""Tables of what lies in the archive and among the artefacts."""
