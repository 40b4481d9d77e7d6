import hashlib

import numpy as np
import pyarrow as pa

from persona_assets.assets.dataset.keyed_hash import derive_key, derive_number, hash_values, mix_hashes


def test_keys_differ_by_seed_and_purpose_and_do_not_change_between_versions() -> None:
    keys = {derive_key(seed, purpose) for seed in (0, 1) for purpose in ("user", "text")}

    assert len(keys) == 4
    assert derive_key(0, "user") == hashlib.blake2b(b"user 0", digest_size=32, person=b"persona split 1").digest()
    assert derive_number(0, "user") == int.from_bytes(derive_key(0, "user")[:8], "little")


def test_hashes_depend_on_the_key_and_are_those_of_blake2b() -> None:
    values = pa.array(["did:plc:a", "", "é"])

    hashes = hash_values(values, b"1" * 32)

    expected = [hashlib.blake2b(value.encode(), key=b"1" * 32, digest_size=8).digest() for value in values.to_pylist()]
    assert hashes.tobytes() == b"".join(expected)
    assert not (hashes == hash_values(values, b"2" * 32)).any()


def test_mixed_numbers_of_consecutive_hashes_are_spread_evenly() -> None:
    mixed = mix_hashes(np.arange(100_000, dtype=np.uint64), 7)

    assert len(np.unique(mixed)) == 100_000
    for bit in range(64):
        assert abs((mixed >> np.uint64(bit) & np.uint64(1)).mean() - 0.5) < 0.01
