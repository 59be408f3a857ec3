//! A company of some size: its people as CSV, the groups that the target has for them, the rules that grant them, and who must be in
//! which group. The same every time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::traits::Traits;

/// Groups of each person.
pub(crate) const GRANTS: usize = 12;
const DEPARTMENTS: usize = 9;
/// Of the groups that a person has, those that are neither everybody's nor the department's.
const TEAMS_EACH: usize = GRANTS - 2;

/// The columns of the CSV.
pub(crate) const USHER_TOML: &str = r#"
four_eyes = "record"

[[sources]]
name = "hr"
key = "number"
separator = ";"

[sources.mapping]
username = "username"
given_name = "given_name"
family_name = "family_name"
display_name = "display_name"
email = "email"
department = "department"
state = "state"
groups = "teams"
"#;

/// Everybody gets the staff group, that of his department, and one for each team. The middle line is the rule that goes away in the run.
const RULES: &str = r#"
fn account(user) {
    #{
        userName: user.username,
        externalId: user.external_id,
        name: #{ formatted: user.display_name, givenName: user.given_name, familyName: user.family_name },
        displayName: user.display_name,
        emails: [ADDRESS],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": #{ department: user.department },
    }
}

fn entitlements(user) {
    let all = [grant("group", "Staff")];
    all.push(grant("group", `Department ${user.department}`)); // departments
    for team in user.groups {
        all.push(grant("group", `Team ${team}`));
    }
    all
}
"#;

/// One person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    /// The key.
    pub(crate) number: usize,
    /// His department.
    pub(crate) department: usize,
    /// His teams.
    pub(crate) teams: BTreeSet<usize>,
}

/// Everybody, and how many teams there are.
#[derive(Debug, Clone)]
pub(crate) struct Town {
    /// By number.
    pub(crate) people: BTreeMap<usize, Person>,
    teams: usize,
    /// Who left: no longer entitled, so their edges are taken back where the app says so.
    pub(crate) left: BTreeSet<usize>,
    /// Whether the rule about departments is there.
    pub(crate) departments: bool,
}

impl Person {
    /// The userName of somebody's account.
    pub(crate) fn user_name(number: usize) -> String {
        format!("person.{number:04}@town.example")
    }
}

impl Town {
    /// `people` persons and `groups` groups, of which ten are no teams. All 500 and 40 make 6,000 edges.
    pub(crate) fn new(people: usize, groups: usize) -> Self {
        let teams = groups.checked_sub(1 + DEPARTMENTS).filter(|teams| *teams >= TEAMS_EACH).unwrap();
        let person = |number: usize| {
            // Neighbours, from a start that wanders: as many different ones as there are.
            let teams = (0..TEAMS_EACH).map(|step| (number * 7 + step) % teams).collect();
            (number, Person { number, department: number % DEPARTMENTS, teams })
        };
        Self { people: (0..people).map(person).collect(), teams, left: BTreeSet::new(), departments: true }
    }

    /// Names of the groups that the rules can name.
    pub(crate) fn groups(&self) -> Vec<String> {
        let departments = (0..DEPARTMENTS).map(|department| format!("Department {department}"));
        let teams = (0..self.teams).map(|team| format!("Team {team}"));
        std::iter::once("Staff".to_owned()).chain(departments).chain(teams).collect()
    }

    /// Group → userNames: what must be there of ours.
    pub(crate) fn edges(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for person in self.people.values().filter(|person| !self.left.contains(&person.number)) {
            let mut groups = vec!["Staff".to_owned()];
            groups.extend(self.departments.then(|| format!("Department {}", person.department)));
            groups.extend(person.teams.iter().map(|team| format!("Team {team}")));
            for group in groups {
                edges.entry(group).or_default().insert(Person::user_name(person.number));
            }
        }
        edges
    }

    /// The export.
    pub(crate) fn csv(&self) -> String {
        let mut csv = "number,username,given_name,family_name,display_name,email,department,state,teams\n".to_owned();
        for person in self.people.values() {
            let (number, name) = (person.number, Person::user_name(person.number));
            let teams: Vec<String> = person.teams.iter().map(usize::to_string).collect();
            let (department, teams) = (person.department, teams.join(";"));
            let state = if self.left.contains(&number) { "left" } else { "active" };
            writeln!(csv, "{number},{name},P{number},Town,Person {number},{name},{department},{state},{teams}")
                .unwrap();
        }
        csv
    }

    /// The rules, in the form that the server takes.
    pub(crate) fn rules(&self, traits: &Traits) -> String {
        let address = match traits.rich {
            true => r#"#{ value: user.email, type: "work", primary: true }"#,
            false => "#{ value: user.email }",
        };
        let lines = RULES.lines().filter(|line| self.departments || !line.ends_with("// departments"));
        lines.map(|line| line.replace("ADDRESS", address) + "\n").collect()
    }
}
