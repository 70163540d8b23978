import Pipeline
import Platform
import Store

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

    /// Opens the database. One that is empty or missing beside the work of another is no new one: its runs would have
    /// the numbers, and find the results, of others.
    package func openStore() throws(StoreError) -> Store {
        let entries: [Directory.Entry]
        // A work folder that cannot be listed holds nothing that we know of; its own trouble is told elsewhere.
        do { entries = try Directory.list(work) } catch { entries = [] }
        let isExpected = entries.contains { $0.name.hasPrefix("series-") || $0.name.hasPrefix("run-") }
        return try Store(path: database, isExpected: isExpected)
    }

    package func create() throws(SystemError) {
        for folder in [path, work, references, quarantine] { try Directory.create(folder) }
    }
}
