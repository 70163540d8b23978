import Dicom
import Foundation
import Platform

/// SHA-256 over what of the configuration can change a result.
package func configurationDigest(admission: AdmissionLimits, export: ExportOptions) throws -> String {
    struct Content: Encodable {
        var admission: AdmissionLimits
        var export: ExportOptions
    }
    return SHA256Digest.hex(of: try RunJSON.encode(Content(admission: admission, export: export)))
}
