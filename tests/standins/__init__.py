"""Loopback stand-ins for the services that image sources talk to; each serves what the sources use, and no more."""
