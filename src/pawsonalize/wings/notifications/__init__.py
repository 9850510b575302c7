"""Messages to people: by log, e-mail, webhook or Amazon SNS."""
