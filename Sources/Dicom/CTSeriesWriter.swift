import Foundation
import Imaging

/// Who and what a written CT Series is of. For phantoms: no real patient is described with it.
package struct CTSeriesDescription: Sendable {
    package var patientName = "Phantom^Thorax"
    package var patientID = "PHANTOM"
    package var patientSex = "O"
    package var studyID = "1"
    package var studyDescription = "Synthetic phantom"
    package var seriesDescription = "Synthetic CT"
    package var seriesNumber = 1
    /// DICOM DA and TM; fixed by the caller so that equal input gives equal files.
    package var date = "20240101"
    package var time = "120000"
    package var patientPosition = "HFS"
    package var manufacturer = "contourd"
    package var kvp = 120.0
    package var convolutionKernel = "STANDARD"
    /// Value that stands for "outside the reconstruction" in the HU volume; written as Pixel Padding Value -2000.
    package var paddingHU: Int16?
    /// Makes all UIDs: the same words give the same UIDs.
    package var uidNamespace: [String] = ["phantom"]

    package init() {}

    package var studyInstanceUID: String { UID.derived(namespace: uidNamespace + ["study"]) }
    package var seriesInstanceUID: String { UID.derived(namespace: uidNamespace + ["series"]) }

    /// SOP Instance UID of slice k.
    package func sopInstanceUID(k: Int) -> String { UID.derived(namespace: uidNamespace + ["instance", "\(k)"]) }
}

/// What was written: paths and references in k order, and the attributes that products of the series repeat.
package struct WrittenCTSeries: Sendable {
    package var files: [String]
    package var slices: [SliceReference]
    package var reference: ReferenceAttributes
}

/// Writes a volume of Hounsfield units as a Series of CT Images (PS3.3 A.3), Explicit VR Little Endian, 16-bit
/// signed pixels, intercept 0, one file a slice named `CT.0001.dcm` in k order.
///
/// The Frame of Reference UID is the geometry's, or derived where it is empty.
/// - Throws: `cannotWrite` also if the directory does not exist.
package func writeCTSeries(
    volume: Volume<Int16>,
    to directory: String,
    description: CTSeriesDescription = CTSeriesDescription()
) throws(DicomError) -> WrittenCTSeries {
    var written = WrittenCTSeries(files: [], slices: [], reference: ReferenceAttributes(copying: DataSet()))
    for k in 0..<volume.geometry.dimensions.k {
        let dataSet = ctImage(volume, k: k, description)
        let path = directory + "/CT." + String(format: "%04d", k + 1) + ".dcm"
        try DicomFile(dataSet: dataSet).write(to: path, transferSyntax: .explicitVRLittleEndian)
        written.files.append(path)
        written.slices.append(
            SliceReference(
                sopClassUID: SOPClass.ctImage,
                sopInstanceUID: description.sopInstanceUID(k: k),
                position: volume.geometry.patientPoint(i: 0, j: 0, k: Double(k)),
                instanceNumber: k + 1
            )
        )
        if k == 0 { written.reference = ReferenceAttributes(copying: dataSet) }
    }
    return written
}

private func ctImage(_ volume: Volume<Int16>, k: Int, _ description: CTSeriesDescription) -> DataSet {
    var dataSet = DataSet()
    putPatientAndStudy(description, into: &dataSet)
    putSeries(description, into: &dataSet)
    putImage(volume.geometry, k: k, description, into: &dataSet)
    putPixels(volume, k: k, description, into: &dataSet)
    return dataSet
}

/// Patient, General Study and Patient Study modules.
private func putPatientAndStudy(_ description: CTSeriesDescription, into dataSet: inout DataSet) {
    dataSet.set(.patientName, .PN, description.patientName)
    dataSet.set(.patientID, .LO, description.patientID)
    dataSet.set(.patientBirthDate, .DA, nil)
    dataSet.set(.patientSex, .CS, description.patientSex)
    dataSet.set(.studyInstanceUID, .UI, description.studyInstanceUID)
    dataSet.set(.studyDate, .DA, description.date)
    dataSet.set(.studyTime, .TM, description.time)
    dataSet.set(.referringPhysicianName, .PN, nil)
    dataSet.set(.studyID, .SH, description.studyID)
    dataSet.set(.accessionNumber, .SH, nil)
    dataSet.set(.studyDescription, .LO, description.studyDescription)
}

/// General Series, Frame of Reference and General Equipment modules.
private func putSeries(_ description: CTSeriesDescription, into dataSet: inout DataSet) {
    dataSet.set(.modality, .CS, "CT")
    dataSet.set(.seriesInstanceUID, .UI, description.seriesInstanceUID)
    dataSet.set(.seriesNumber, .IS, integer: description.seriesNumber)
    dataSet.set(.seriesDate, .DA, description.date)
    dataSet.set(.seriesTime, .TM, description.time)
    dataSet.set(.seriesDescription, .LO, description.seriesDescription)
    dataSet.set(.bodyPartExamined, .CS, "CHEST")
    dataSet.set(.patientPosition, .CS, description.patientPosition)
    dataSet.set(.positionReferenceIndicator, .LO, nil)
    dataSet.set(.manufacturer, .LO, description.manufacturer)
    dataSet.set(.manufacturerModelName, .LO, "synthetic")
    dataSet.set(.deviceSerialNumber, .LO, "0")
    dataSet.set(.softwareVersions, .LO, UID.implementationVersionName)
    dataSet.set(.kvp, .DS, double: description.kvp)
    dataSet.set(.convolutionKernel, .SH, description.convolutionKernel)
}

/// General Image, Image Plane and CT Image modules but for the pixels.
private func putImage(
    _ geometry: VolumeGeometry,
    k: Int,
    _ description: CTSeriesDescription,
    into dataSet: inout DataSet
) {
    let frame = geometry.frameOfReferenceUID
    let position = geometry.patientPoint(i: 0, j: 0, k: Double(k)).vector
    let (row, column) = (geometry.directionI, geometry.directionJ)
    dataSet.set(.sopClassUID, .UI, SOPClass.ctImage)
    dataSet.set(.sopInstanceUID, .UI, description.sopInstanceUID(k: k))
    dataSet.set(
        .frameOfReferenceUID,
        .UI,
        frame.isEmpty ? UID.derived(namespace: description.uidNamespace + ["frame"]) : frame
    )
    dataSet.set(.imageType, .CS, strings: ["ORIGINAL", "PRIMARY", "AXIAL"])
    dataSet.set(.acquisitionNumber, .IS, integer: 1)
    dataSet.set(.acquisitionDate, .DA, description.date)
    dataSet.set(.acquisitionTime, .TM, description.time)
    dataSet.set(.contentDate, .DA, description.date)
    dataSet.set(.contentTime, .TM, description.time)
    dataSet.set(.instanceNumber, .IS, integer: k + 1)
    dataSet.set(.imagesInAcquisition, .IS, integer: geometry.dimensions.k)
    dataSet.set(.imagePositionPatient, .DS, doubles: [position.x, position.y, position.z])
    dataSet.set(.imageOrientationPatient, .DS, doubles: [row.x, row.y, row.z, column.x, column.y, column.z])
    dataSet.set(.pixelSpacing, .DS, doubles: [geometry.spacing.y, geometry.spacing.x])
    dataSet.set(.sliceThickness, .DS, double: geometry.spacing.z)
    dataSet.set(.burnedInAnnotation, .CS, "NO")
    dataSet.set(.lossyImageCompression, .CS, "00")
}

private func putPixels(
    _ volume: Volume<Int16>,
    k: Int,
    _ description: CTSeriesDescription,
    into dataSet: inout DataSet
) {
    let size = volume.geometry.dimensions.i * volume.geometry.dimensions.j
    var slice = Array(volume.voxels[k * size..<(k + 1) * size])
    dataSet.set(.samplesPerPixel, .US, integer: 1)
    dataSet.set(.photometricInterpretation, .CS, "MONOCHROME2")
    dataSet.set(.rows, .US, integer: volume.geometry.dimensions.j)
    dataSet.set(.columns, .US, integer: volume.geometry.dimensions.i)
    dataSet.set(.bitsAllocated, .US, integer: 16)
    dataSet.set(.bitsStored, .US, integer: 16)
    dataSet.set(.highBit, .US, integer: 15)
    dataSet.set(.pixelRepresentation, .US, integer: 1)
    dataSet.set(.rescaleIntercept, .DS, double: 0)
    dataSet.set(.rescaleSlope, .DS, double: 1)
    dataSet.set(.rescaleType, .LO, "HU")
    dataSet.set(.windowCenter, .DS, double: -400)
    dataSet.set(.windowWidth, .DS, double: 1500)
    if let padding = description.paddingHU {
        slice = slice.map { $0 == padding ? -2000 : $0 }
        dataSet.set(.pixelPaddingValue, .SS, integer: -2000)
    }
    dataSet.set(.pixelData, .OW, bytes: slice.withUnsafeBytes { Array($0) })
}
