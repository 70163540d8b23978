import Foundation
import Platform

/// Tells whether two objects are of one patient, and nothing else: SHA-256 of the Patient ID (0010,0020). The ID itself is
/// not kept, so that it cannot be printed.
package struct PatientDigest: Hashable, Sendable {
    private let digest: String

    /// Nil where the object names no patient.
    package init?(_ dataSet: DataSet) {
        guard let id = dataSet.string(.patientID) else { return nil }
        digest = SHA256Digest.hex(of: Data(id.utf8))
    }

    /// Six hexadecimal digits of it, and other ones in every series: to be kept where no digest of an ID may be, which could
    /// be tried against IDs.
    package func mark(inSeries uid: String) -> String {
        String(SHA256Digest.hex(of: Data("\(uid) \(digest)".utf8)).prefix(6))
    }

    /// Of the file; nil where it cannot be read or names no patient.
    package init?(ofFile path: String) {
        guard let file = try? DicomFile(contentsOf: path, until: .pixelData) else { return nil }
        self.init(file.dataSet)
    }
}
