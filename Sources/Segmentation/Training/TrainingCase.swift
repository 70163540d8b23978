import Imaging

/// A CT with its structures, as a reader of DICOM or NIfTI delivers it.
package struct TrainingCase: Sendable {
    /// HU.
    package var ct: Volume<Int16>
    /// ROI labels of the recipe on the CT's grid, 0 = none of them, `unknown` where nobody says.
    package var labels: Volume<UInt8>
    /// What its row of the table is to say; empty where it is as it should be.
    package var remark: String

    /// The label of voxels that must not be learned from, nor scored.
    package static let unknown: UInt8 = 255

    package init(ct: Volume<Int16>, labels: Volume<UInt8>, remark: String = "") {
        self.ct = ct
        self.labels = labels
        self.remark = remark
    }
}

/// Where a case comes from; its voxels are read only when the cache does not have them yet.
package struct TrainingCaseSource: Sendable {
    /// Unique, usable as a file name, free of patient data.
    package var name: String
    /// Cases of one patient are never split between training and validation.
    package var patient: String
    /// Changes whenever the files may have changed.
    package var fingerprint: String
    /// Public collection that the case says it is from, `LCTSC`; empty when it says nothing.
    package var collection: String
    /// False for a CT without Patient ID: its folder stands for the patient, which may have others.
    package var hasPatientID: Bool
    /// Folder of the CT, or path of the image: for its owner, never for a report or a log.
    package var place: String
    /// Other names by which its owner knows it: its Patient ID, and its folder or file as it is called. Never for a report or a log.
    package var aliases: [String]
    package var load: @Sendable () throws -> TrainingCase

    package init(
        name: String,
        patient: String,
        fingerprint: String,
        collection: String = "",
        hasPatientID: Bool = true,
        place: String = "",
        aliases: [String] = [],
        load: @escaping @Sendable () throws -> TrainingCase
    ) {
        self.name = name
        self.patient = patient
        self.fingerprint = fingerprint
        self.collection = collection
        self.hasPatientID = hasPatientID
        self.place = place
        self.aliases = aliases
        self.load = load
    }
}

/// What became of a case, for the table of the report.
package struct CaseRecord: Codable, Sendable, Equatable {
    package enum Role: String, Codable, Sendable { case training, validation, test, excluded, skipped }

    package var name: String
    package var role: Role
    /// Why it was skipped or excluded, or a remark such as a structure that is missing.
    package var remark: String
    package var slices: Int
    /// SHA-256 over the preprocessed voxels and labels.
    package var digest: String

    package init(name: String, role: Role, remark: String = "", slices: Int = 0, digest: String = "") {
        self.name = name
        self.role = role
        self.remark = remark
        self.slices = slices
        self.digest = digest
    }
}
