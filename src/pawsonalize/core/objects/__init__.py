"""Object stores: places for objects that are written whole and kept."""
