"""Unpacks the functions of a release.

prebuilt.py ZIP|URL FOLDER
"""

import os
import shutil
import sys
import tempfile
import urllib.request
import zipfile

source, folder = sys.argv[1:]
try:
    with tempfile.TemporaryFile() as archive:
        if source.startswith(("https:", "http:")):
            with urllib.request.urlopen(source, timeout=60) as answer:
                shutil.copyfileobj(answer, archive)
        else:
            with open(source, "rb") as file:
                shutil.copyfileobj(file, archive)
        zipfile.ZipFile(archive).extractall(folder)
except (OSError, ValueError, zipfile.BadZipFile) as error:
    sys.exit(f"cannot unpack {source}: {error}")
# Archives of other systems do not say what can be executed.
for path, _, names in os.walk(folder):
    for name in names:
        os.chmod(os.path.join(path, name), 0o755)
