"""From what emitters write to one set of columns: a table per dialect, resolved by kernels over the bytes.

`normalise_spans` makes canonical spans of decoded ones.
"""

from spanpulse_stream.normalise._rejections import Rejection

__all__ = ["Rejection"]
