"""Operations: admission, limits, retention, and what shows how the service is."""
