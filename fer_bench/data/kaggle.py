"""Downloads from Kaggle, and what to do by hand where they fail."""

from __future__ import annotations

from pathlib import Path

from fer_bench.errors import UserError


def download(dataset: str, name: str) -> Path:
    """Fetch a Kaggle dataset, "owner/name", into Kaggle's own cache; returns its folder.

    Raises UserError, with what to do by hand, for whatever goes wrong: no network, no token, no such dataset.
    """
    import kagglehub

    try:
        return Path(kagglehub.dataset_download(dataset))
    except Exception as error:  # requests', urllib3's and kagglehub's own have no common ancestor
        why = (str(error).strip().splitlines() or [""])[0]
        raise UserError(
            f"can't download {dataset} from Kaggle ({type(error).__name__}: {why}): check the network and "
            "the token (KAGGLE_API_TOKEN or ~/.kaggle/), or fetch "
            f"https://www.kaggle.com/datasets/{dataset} by hand and type: fer-bench data import {name} ZIP"
        ) from error
