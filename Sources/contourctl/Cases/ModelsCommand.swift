import ArgumentParser
import Daemon
import Foundation
import Segmentation

struct ModelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models",
        abstract: "List the installed models and check each.",
        discussion: """
            EXIT STATUS
              0 every model can be used; 65 at least one cannot; 66 there is none
            """
    )

    @Flag(help: "Print the list as JSON.")
    var json = false

    @OptionGroup var options: ConfigurationOptions

    func run() throws {
        try exiting {
            let configuration = try options.read()
            let catalog = ModelCatalog(configuration)
            let models = catalog.names().map {
                InstalledModel($0, catalog, isChosen: configuration.models.names.contains($0))
            }
            if json { try printJSON(models) } else { tell(models) }
            guard !models.isEmpty else {
                throw CommandFailure(
                    .noInput,
                    "no model is installed. Searched: \(catalog.searchPath.joined(separator: ", "))"
                )
            }
            if models.contains(where: { $0.problem != nil }) { throw ExitCode(ExitStatus.dataError.rawValue) }
        }
    }

    /// A model is chosen by its folder, and its results bear the name that `model.json` gives it.
    private func nameNote(_ model: InstalledModel, _ all: [InstalledModel]) -> String? {
        guard let name = model.nameInResults, name != model.name else { return nil }
        let others = all.filter { $0.nameInResults == name && $0.name != model.name }.map(\.name)
        let shared = others.isEmpty ? "" : ", as those of \(others.joined(separator: " and ")) do"
        return "its results call it \(name)\(shared); model.json and its folder should give it one name"
    }

    private func tell(_ models: [InstalledModel]) {
        for model in models {
            print("\(model.name)\(model.isChosen ? " (used by the service)" : "")")
            if let problem = model.problem {
                print("  CANNOT BE USED: \(problem)")
                continue
            }
            if let note = nameNote(model, models) { print("  NOTE: \(note)") }
            if model.demonstration == true { print("  DEMONSTRATION: never for patients") }
            print("  version \(model.version ?? ""): \(model.summary ?? "")")
            print("  structures: \(model.structures.joined(separator: ", "))")
            print("  trained on \(model.trainingCases ?? 0) cases; digest \(model.digest ?? "")")
            print("  \(model.directory)")
        }
    }
}

private struct InstalledModel: Encodable {
    var name: String
    var directory: String
    var isChosen: Bool
    /// What its results call it: the name in `model.json`.
    var nameInResults: String?
    var version: String?
    var summary: String?
    var structures: [String] = []
    var trainingCases: Int?
    var demonstration: Bool?
    var digest: String?
    /// Why it cannot be used; nil when it can.
    var problem: String?

    init(_ name: String, _ catalog: ModelCatalog, isChosen: Bool) {
        self.name = name
        self.isChosen = isChosen
        directory = catalog.directory(of: name) ?? ""
        do {
            let package = try catalog.package(named: name)
            nameInResults = package.name
            version = package.description.version
            summary = package.description.summary
            structures = package.description.rois.map(\.name) + package.description.derivedROIs.map(\.name)
            trainingCases = package.description.training?.trainingCases.count
            demonstration = package.description.training?.demonstration
            digest = package.digest
        } catch {
            problem = "\(error)"
        }
    }
}
