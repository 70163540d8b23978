"""Every sentence that must hold for a Segmentation of contourd, read by others."""

import numpy as np
import pydicom

import dicomobject
import segmentation
from structureset_checks import agree


def check(checks, what, path, ct, masks, holes, scratch, tools, thorough=True):
    """`masks`: name -> mask as the NIfTI files hold it; `holes`: theirs. `thorough` adds the slower readers."""
    dataset = pydicom.dcmread(path)
    if "dciodvfy" in tools:
        checks.none(f"{what}: dciodvfy finds no error in seg.dcm", dicomobject.dciodvfy_errors(path))
    dicomobject.belongs_to(checks, f"{what}, seg.dcm", path, dataset, ct)
    _header(checks, what, dataset, ct)
    _frames(checks, what, dataset, ct)
    readers = {
        "pydicom unpacks the frames": lambda: segmentation.by_pydicom(dataset, ct),
        "highdicom finds the frames by their source image": lambda: segmentation.by_highdicom_references(path, ct),
    }
    if thorough:
        readers["highdicom finds the frames by their position"] = lambda: segmentation.by_highdicom_volume(path, ct)
        readers["dcmqi converts the segments"] = lambda: segmentation.by_dcmqi(path, ct, f"{scratch}/dcmqi")
    for reader, read in readers.items():
        sentence = f"{what}: {reader}"
        agree(checks, sentence, checks.reading(sentence, read), masks, holes, ct)


def _header(checks, what, dataset, ct):
    checks.check(f"{what}: Frame of Reference of seg.dcm is that of the CT",
                 dataset.FrameOfReferenceUID == ct.first.FrameOfReferenceUID)
    checks.check(f"{what}: seg.dcm is BINARY with one bit a pixel",
                 dataset.SegmentationType == "BINARY" and dataset.BitsAllocated == 1)
    numbers = [int(item.SegmentNumber) for item in dataset.SegmentSequence]
    checks.check(f"{what}: segments are numbered from 1", numbers == list(range(1, len(numbers) + 1)))
    checks.none(
        f"{what}: every segment is AUTOMATIC, with an algorithm and a coded category and type",
        (item.SegmentLabel for item in dataset.SegmentSequence
         if item.SegmentAlgorithmType != "AUTOMATIC" or not item.SegmentAlgorithmName
         or not item.SegmentedPropertyCategoryCodeSequence[0].CodeValue
         or not item.SegmentedPropertyTypeCodeSequence[0].CodeValue))
    series = dataset.ReferencedSeriesSequence[0]
    checks.check(
        f"{what}: seg.dcm lists every image of the CT once",
        series.SeriesInstanceUID == ct.first.SeriesInstanceUID
        and sorted(i.ReferencedSOPInstanceUID for i in series.ReferencedInstanceSequence) == sorted(ct.uids))


def _frames(checks, what, dataset, ct):
    shared = dataset.SharedFunctionalGroupsSequence[0]
    spacing = [float(v) for v in shared.PixelMeasuresSequence[0].PixelSpacing]
    orientation = [float(v) for v in shared.PlaneOrientationSequence[0].ImageOrientationPatient]
    checks.check(
        f"{what}: rows, columns, spacing and orientation of seg.dcm are those of the CT",
        (dataset.Rows, dataset.Columns) == ct.shape[1:]
        and np.allclose(spacing, [float(v) for v in ct.first.PixelSpacing], atol=1e-6)
        and np.allclose(orientation, [*ct.row, *ct.column], atol=1e-6))
    groups = dataset.PerFrameFunctionalGroupsSequence
    checks.check(f"{what}: Number of Frames is right", int(dataset.NumberOfFrames) == len(groups))
    wrong_place, wrong_source, seen = [], [], set()
    for n, frame in enumerate(groups):
        position = np.array(frame.PlanePositionSequence[0].ImagePositionPatient, float)
        k, _ = ct.slice_at(position)
        if np.abs(position - ct.positions[k]).max() > 1e-3:
            wrong_place.append(f"frame {n + 1}")
        sources = [i.ReferencedSOPInstanceUID for d in frame.DerivationImageSequence for i in d.SourceImageSequence]
        if sources != [ct.uids[k]]:
            wrong_source.append(f"frame {n + 1}")
        seen.add((int(frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber), k))
    checks.none(f"{what}: every frame lies at an image of the CT", wrong_place)
    checks.none(f"{what}: every frame names the image that it lies at as its source", wrong_source)
    checks.check(f"{what}: no two frames of a segment lie at one image", len(seen) == len(groups))
