/// What our own products repeat from the CT, copied exactly where it is whole: Patient, General Study, Patient Study, Frame of
/// Reference, lossy compression, and the names of the equipment-independent modules. Holds patient data: it stays in the work
/// folder and the products, and is never logged.
package struct ReferenceAttributes: Sendable, Hashable {
    /// Only attributes of `ReferenceAttributes.copiedTags`, text as Unicode.
    package var dataSet: DataSet

    /// Copies from the data set of a CT image.
    package init(copying image: DataSet) {
        dataSet = DataSet()
        dataSet.copy(Self.copiedTags, from: image)
        for tag in [.referencedStudySequence, .referencedPatientSequence] as [Tag] { keepWholeReferences(tag) }
    }

    /// A reference needs class and instance (PS3.3 10.8, both Type 1); de-identification often leaves one of them. The
    /// sequences are optional, so what is no reference is left out, and with the last item the sequence.
    private mutating func keepWholeReferences(_ tag: Tag) {
        guard dataSet[tag] != nil else { return }
        let whole = dataSet.sequence(tag).filter {
            $0.string(.referencedSOPClassUID) != nil && $0.string(.referencedSOPInstanceUID) != nil
        }
        if whole.isEmpty { dataSet.remove(tag) } else { dataSet.set(tag, sequence: whole) }
    }

    package var studyInstanceUID: String { dataSet.string(.studyInstanceUID) ?? "" }
    package var frameOfReferenceUID: String { dataSet.string(.frameOfReferenceUID) ?? "" }
    /// The Series of the CT.
    package var seriesInstanceUID: String { dataSet.string(.seriesInstanceUID) ?? "" }

    /// Keeps the attributes as a DICOM file (Raw Data, so that nobody takes it for an image).
    package func write(to path: String) throws(DicomError) {
        var file = DicomFile(dataSet: dataSet)
        file.dataSet.set(.sopClassUID, .UI, SOPClass.rawData)
        file.dataSet.set(.sopInstanceUID, .UI, UID.derived(namespace: ["reference attributes", seriesInstanceUID]))
        try file.write(to: path, transferSyntax: .explicitVRLittleEndian)
    }

    package init(contentsOf path: String) throws(DicomError) {
        self.init(copying: try DicomFile(contentsOf: path).dataSet)
    }

    /// Patient (PS3.3 C.7.1.1), Clinical Trial is left out, General Study (C.7.2.1), Patient Study (C.7.2.2),
    /// Frame of Reference (C.7.4.1), and what names the CT's Series.
    package static let copiedTags: [Tag] = [
        .patientName, .patientID, .issuerOfPatientID, .issuerOfPatientIDQualifiersSequence, .patientBirthDate,
        .patientBirthTime, .patientSex, .otherPatientIDs, .otherPatientNames, .otherPatientIDsSequence,
        .ethnicGroup, .patientComments, .referencedPatientSequence, .patientIdentityRemoved,
        .deidentificationMethod, .deidentificationMethodCodeSequence,
        .studyInstanceUID, .studyDate, .studyTime, .referringPhysicianName, .studyID, .accessionNumber,
        .issuerOfAccessionNumberSequence, .studyDescription, .physiciansOfRecord, .referencedStudySequence,
        .procedureCodeSequence,
        .admittingDiagnosesDescription, .patientAge, .patientSize, .patientWeight, .occupation,
        .additionalPatientHistory,
        .frameOfReferenceUID, .positionReferenceIndicator,
        .seriesInstanceUID, .seriesNumber, .seriesDescription, .acquisitionDate, .acquisitionTime, .contentDate,
        .contentTime, .patientPosition, .modality,
        .lossyImageCompression, .lossyImageCompressionRatio, .lossyImageCompressionMethod,
    ]
}
