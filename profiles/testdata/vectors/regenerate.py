#!/usr/bin/env python3
"""Makes all vectors anew. Needs Python 3.9 and OpenSSL 3, and no package.

Keys and certificates are made when they are missing and kept otherwise. With
the same keys, vectors with RSA PKCS#1 v1.5 come out the same byte for byte; the
signatures of others stay as long as what they sign does.
"""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "recipes"))

import openssl  # noqa: E402

kept = openssl.make_identities()
for recipe in ("stet", "berlin", "own", "uk", "others"):
    __import__(recipe)

from vector import ALL  # noqa: E402

ALL.write(keep=kept)
print(sum(len(v) for v in ALL.banks.values()), "vectors of", len(ALL.banks), "banks")
