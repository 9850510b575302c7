"""From a hold-out to the evidence for the gate."""
