"""What is learned: solutions, versions, refreshes, evaluation and the gate."""
