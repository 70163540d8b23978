import Pipeline
import Platform

/// Where the service keeps its things.
struct StateFolder: Sendable {
    let path: String

    var database: String { path + "/contourd.sqlite" }
    var lock: String { path + "/lock" }
    var work: String { path + "/work" }
    var incoming: String { work + "/incoming" }
    var references: String { work + "/references" }
    var quarantine: String { path + "/quarantine" }

    func image(_ number: Int64, seriesNumber: Int64) -> String {
        "\(dicom(ofSeries: seriesNumber))/\(number).dcm"
    }
    func dicom(ofSeries number: Int64) -> String { "\(work)/series-\(number)/dicom" }
    func reference(_ number: Int64) -> String { "\(references)/\(number).dcm" }
    func run(_ number: Int64) -> RunFolder { RunFolder(path: "\(work)/run-\(number)") }

    func create() throws(SystemError) {
        for folder in [path, work, references, quarantine] { try Directory.create(folder) }
    }
}
