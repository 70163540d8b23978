#!/usr/bin/env python
"""One CT in every transfer syntax that others can write: contourd sees the same voxels in each."""

import io
import os
import subprocess
import sys
import tempfile

import numpy as np
import pydicom
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000, JPEG2000Lossless

import product
import reports
from checks import Checks
from outputs import delivered

#: DCMTK's tools by the syntax they write.
DCMTK = {
    "Implicit VR Little Endian": ["dcmconv", "+ti"],
    "Explicit VR Big Endian": ["dcmconv", "+tb"],
    "Deflated Explicit VR Little Endian": ["dcmconv", "+td"],
    "RLE Lossless": ["dcmcrle"],
    "JPEG Lossless": ["dcmcjpeg"],
    "JPEG-LS Lossless": ["dcmcjpls"],
}


def main():
    checks = Checks()
    if not product.has_model():
        checks.skip("no model is installed: transfer syntaxes are not tried")
        checks.finish()
    with tempfile.TemporaryDirectory() as scratch:
        # A dozen slices are a scan; what is in them does not matter here.
        images, _ = product.phantom(f"{scratch}/phantom", *product.COARSE_GRID, "--slices", "12", "--without-truth")
        plain = digest(checks, "Explicit VR Little Endian", images, scratch)
        for name, tool in DCMTK.items():
            if not product.has_tool(tool[0]):
                checks.skip(f"{tool[0]} is not installed: {name} is not tried")
                continue
            recoded = f"{scratch}/{name}"
            recode(images, recoded, lambda source, target: subprocess.run(
                [*tool, source, target], check=True, capture_output=True, timeout=60))
            coded_as(checks, name, recoded, plain, scratch)
        recode(images, f"{scratch}/JPEG 2000", jpeg_2000)
        coded_as(checks, "JPEG 2000", f"{scratch}/JPEG 2000", plain, scratch)
        recode(images, f"{scratch}/lossy JPEG 2000", lambda source, target: jpeg_2000(source, target, JPEG2000, irreversible=True))
        result = delivered(checks, "CT in lossy JPEG 2000 that does not say so", f"{scratch}/lossy JPEG 2000", f"{scratch}/lossy")
        codes = [finding["code"] for finding in reports.read(result)["findings"]] if result else []
        checks.check("losses of JPEG 2000 are noted, although the header does not tell them", "W_LOSSY" in codes, codes)
        flag = pydicom.dcmread(f"{result}/seg.dcm", stop_before_pixels=True).LossyImageCompression if result else None
        checks.check("and the Segmentation tells them", flag == "01", flag)
    checks.finish()


def coded_as(checks, name, folder, plain, scratch):
    found = digest(checks, name, folder, scratch)
    checks.check(f"a CT in {name} has the voxels of the plain one", plain and found == plain, f"{found} and {plain}")


def digest(checks, name, folder, scratch):
    result = delivered(checks, f"CT in {name}", folder, f"{scratch}/{name} result")
    return result and reports.read(result)["series"]["volumeDigest"]


def recode(images, folder, convert):
    os.makedirs(folder)
    for name in os.listdir(images):
        convert(f"{images}/{name}", f"{folder}/{name}")


def jpeg_2000(source, target, syntax=JPEG2000Lossless, irreversible=False):
    """Pillow writes unsigned values only: the CT's are moved up, and its Rescale Intercept down."""
    image = pydicom.dcmread(source)
    values = image.pixel_array.astype(np.int32) + 1024
    stream = io.BytesIO()
    Image.fromarray(values.astype(np.uint16)).save(stream, "JPEG2000", irreversible=irreversible, no_jp2=True)
    image.PixelRepresentation = 0
    image.RescaleIntercept = -1024
    image.PixelData = encapsulate([stream.getvalue()])
    image["PixelData"].is_undefined_length = True
    image.file_meta.TransferSyntaxUID = syntax
    if irreversible:
        del image.LossyImageCompression
    image.save_as(target)


if __name__ == "__main__":
    sys.exit(main())
