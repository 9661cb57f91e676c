"""A stand-in for the platform: its API over HTTP, and behind it the container's real toolkits.

``server`` answers the calls, ``jobs``, ``tunings``, ``endpoints`` and ``transforms`` do what they
ask for, and ``container`` runs one container. Buckets, logs, roles and identities are moto's.
"""
