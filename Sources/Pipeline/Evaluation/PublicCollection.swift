import Dicom

/// A public collection that published results are about, told by its Patient IDs.
enum PublicCollection: String {
    /// Lung CT Segmentation Challenge 2017 (TCIA).
    case lctsc = "LCTSC"

    init?(patientID: String) {
        guard patientID.hasPrefix("LCTSC-") else { return nil }
        self = .lctsc
    }

    /// Of a DICOM object; nil for other files, which name no patient.
    init?(of path: String) {
        guard let id = (try? DicomFile(contentsOf: path, until: .pixelData))?.dataSet.string(.patientID) else {
            return nil
        }
        self.init(patientID: id)
    }
}
