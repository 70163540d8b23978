/// The version of this software, as reports, model packages and DICOM objects name it.
package enum ContourdVersion {
    package static let current = "0.1.0"
    /// What programs print for `--version`.
    package static let banner = "contourd \(current)"
}
