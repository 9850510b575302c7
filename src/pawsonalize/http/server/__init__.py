"""The server below the native API: connections, TLS, limits of bodies and of time."""
