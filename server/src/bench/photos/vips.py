"""Thumbnails by pyvips, as its users make them: PHOTOS SECONDS."""

import json
import pathlib
import resource
import sys
import time

import pyvips

folder, seconds = pathlib.Path(sys.argv[1]), float(sys.argv[2])
photos = [path.read_bytes() for path in sorted(folder.iterdir())]


def each_once():
    made = 0
    for photo in photos:
        for side in (100, 200):
            thumb = pyvips.Image.thumbnail_buffer(photo, side)
            made += len(thumb.pngsave_buffer(compression=1))
    return made


each_once()
before = time.process_time()
end = time.monotonic() + seconds
done = made = 0
while time.monotonic() < end:
    made += each_once()
    done += len(photos)
cpu_s = time.process_time() - before
peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"photos": done, "cpu_s": cpu_s, "peak_mib": peak_mib, "bytes": made}))
