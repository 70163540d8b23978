import Dicom
import Report
import Segmentation

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

/// Names of lungs in cases: what the published result of LCTSC is about.
func lungs(of cases: [CohortReport.Case]) -> Set<String> {
    Set(cases.flatMap(\.structures).map(\.name).filter { StructureName($0).isLung })
}
