"""A private apt: packages for any architecture, checked by apt, unpacked without root."""
