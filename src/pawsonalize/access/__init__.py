"""Access: admission, keys, rates and turns, which every door applies before it answers."""
