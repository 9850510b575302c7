"""Jobs in the background: written down, done one after the other, found dead if they died."""
