"""First floor: the only code that asks other servers.

Where a request may go is decided in `app.domain.addresses`; here it is sent there, and
nowhere else. What the answers mean is decided above.
"""
