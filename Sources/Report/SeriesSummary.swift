extension CaseReport {
    /// The CT: who it is, and, where it was one volume, what that looks like. A refusal has no volume.
    package struct SeriesSummary: Codable, Sendable, Equatable {
        package var seriesInstanceUID: String
        package var studyInstanceUID: String
        package var modality: String
        /// Images at hand; a multi-frame file counts each frame.
        package var images: Int
        package var columns: Int
        package var rows: Int
        package var frameOfReferenceUID: String?
        package var manufacturer: String?
        package var convolutionKernel: String?
        package var patientPosition: String?
        /// Where the Series has several stacks: which of them this is.
        package var part: Part?

        // Of the volume.
        package var slices: Int?
        /// Column, row and slice spacing, mm.
        package var spacingMM: [Double]?
        /// Whether the headers prove that no slice is missing at the ends.
        package var extentIsProvable: Bool?
        /// SHA-256 over the HU volume.
        package var volumeDigest: String?

        package init(
            seriesInstanceUID: String,
            studyInstanceUID: String,
            modality: String,
            images: Int,
            columns: Int,
            rows: Int
        ) {
            self.seriesInstanceUID = seriesInstanceUID
            self.studyInstanceUID = studyInstanceUID
            self.modality = modality
            self.images = images
            self.columns = columns
            self.rows = rows
        }
    }

    /// One of several stacks of a Series, and what tells it from the others.
    package struct Part: Codable, Sendable, Equatable {
        /// A DICOM attribute with the value that this part has.
        package struct Attribute: Codable, Sendable, Equatable {
            package var name: String
            package var value: String
            /// The Series was divided by it.
            package var divides: Bool

            package init(name: String, value: String, divides: Bool) {
                self.name = name
                self.value = value
                self.divides = divides
            }
        }

        /// From 1.
        package var number: Int
        package var count: Int
        package var attributes: [Attribute]

        package init(number: Int, count: Int, attributes: [Attribute]) {
            self.number = number
            self.count = count
            self.attributes = attributes
        }

        /// `part 2 of 3 of its series, which differ in Acquisition Number (here 2)`
        package var text: String {
            let reasons = attributes.filter(\.divides).map { "\($0.name) (here \($0.value))" }
            let why = reasons.isEmpty ? "" : ", which differ in \(reasons.joined(separator: " and "))"
            return "part \(number) of \(count) of its series\(why)"
        }
    }
}
