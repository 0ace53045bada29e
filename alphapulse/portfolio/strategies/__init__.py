"""Ways to divide what is held among assets.

`question` and `history` are light: everybody may import them. `solving` loads the optimisation library, hundreds of
megabytes of it: compute workers alone import it, when they first need it.
"""
