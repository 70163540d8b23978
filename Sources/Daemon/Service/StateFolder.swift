import Pipeline
import Platform

/// Where the service keeps its things.
package struct StateFolder: Sendable {
    package let path: String

    package init(path: String) { self.path = path }

    package var database: String { path + "/contourd.sqlite" }
    package var lock: String { path + "/lock" }
    package var work: String { path + "/work" }
    package var incoming: String { work + "/incoming" }
    package var references: String { work + "/references" }
    package var quarantine: String { path + "/quarantine" }

    package func image(_ number: Int64, seriesNumber: Int64) -> String {
        "\(dicom(ofSeries: seriesNumber))/\(number).dcm"
    }
    package func dicom(ofSeries number: Int64) -> String { "\(work)/series-\(number)/dicom" }
    package func reference(_ number: Int64) -> String { "\(references)/\(number).dcm" }
    package func run(_ number: Int64) -> RunFolder { RunFolder(path: "\(work)/run-\(number)") }

    package func create() throws(SystemError) {
        for folder in [path, work, references, quarantine] { try Directory.create(folder) }
    }
}
