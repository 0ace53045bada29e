"""How passwords are kept."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2(Argon2PasswordHasher):
    """Argon2id above OWASP's minimum. Django's own 100 MB a login, times all threads, would be the whole machine."""

    time_cost = 3
    memory_cost = 19_456  # KiB
    parallelism = 1
